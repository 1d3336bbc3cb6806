"""The sentences of the report about what each of several models says."""

from __future__ import annotations

OPINION_TEXTS = {
    "opinions": "What each model says",
    "opinions_agree": "The {n} models whose limits are known come to the same verdict.",
    "lead_undecided": "Nobody has said which scores of this model mean a forgery.",
    "sure_undecided": "a raw score: it ranks files, and is no chance",
    "no_heat_several": "There are no heat maps: several models judged, and each would show another place.",
    "opinions_differ": "The models disagree: {told}.",
    "opinions_no_limits": (
        "Nobody has said which scores of {who} are fakes: they rank files, and take no part in the joint verdict "
        "until the model is calibrated."
    ),
    "opinions_joint": "Joint verdict",
    "opinions_model": "Model",
    "opinions_verdict": "Verdict",
    "opinions_told": "{model} says {verdict}",
}
