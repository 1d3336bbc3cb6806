"""One file's way from its frames to the evidence: faces, tracks, crops, logits, scores."""
