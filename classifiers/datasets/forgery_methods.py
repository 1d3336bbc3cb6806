"""Which kind of forgery the methods make that data sets are sorted by, in the names that these give them."""

from __future__ import annotations

_METHODS = {
    "faceswap": (
        *("blendface", "deepfacelab", "deepfakedetection", "deepfakes", "dffs", "dfl", "e4s", "facedancer"),
        *("faceshifter", "faceswap", "fsgan", "inswap", "mobileswap", "roop", "simswap", "uniface"),
    ),
    # The expression of a filmed face is altered; unlike other reenactments no whole face is generated.
    "expression_swap": ("face2face", "neuraltextures"),
    "reenactment": (
        *(
            "danet",
            "facevid2vid",
            "fo",
            "fomm",
            "heygen",
            "heygen_new",
            "hyperreenact",
            "lia",
            "mcnet",
            "mraa",
            "one_shot_free",
        ),
        *("pirender", "sadtalker", "tpsm"),
    ),
    # KoDF files Wav2Lip and ATFHP, which moves the head as well, under one name.
    "lipsync": ("audio-driven", "audio_driven", "wav2lip"),
    "gan": (
        *("e4e", "stargan", "stargan2", "starganv2", "styleclip", "stylegan2", "stylegan3", "styleganxl", "vqgan"),
        *("whichfaceisreal", "whichisreal"),
    ),
    "diffusion": ("collabdiff", "ddim", "dit", "midjourney", "pixart", "rddm", "sd2.1", "sit"),
}

FAMILY_OF = {method: family for family, methods in _METHODS.items() for method in methods}
"""Families, as `Sample.family` calls them, by methods in lower case. Editing a face by way of the latent space of a
generator makes a whole new one, so it counts as that generator's."""
