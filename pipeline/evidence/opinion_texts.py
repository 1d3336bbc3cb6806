"""The sentences of the report about what each of several models says."""

from __future__ import annotations

OPINION_TEXTS = {
    "opinions": "What each model says",
    "opinions_agree": "All {n} models come to the same verdict.",
    "opinions_differ": "The models disagree: {told}.",
    "opinions_no_limits": (
        "Nobody has said which scores of {who} are fakes: they rank files, and decide nothing until the model is "
        "calibrated."
    ),
    "opinions_joint": "Joint verdict",
    "opinions_model": "Model",
    "opinions_verdict": "Verdict",
    "opinions_told": "{model} says {verdict}",
}
