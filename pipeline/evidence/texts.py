"""Every sentence of the report, and with `index_texts` of the index, in one place for translation. Charts and templates
hold none.

Braces stand for what is filled in. Of a text with the endings `_one` and `_many`, the number of things decides.
"""

from __future__ import annotations

from pipeline.evidence.index_texts import INDEX_TEXTS
from pipeline.evidence.opinion_texts import OPINION_TEXTS
from pipeline.evidence.provenance_texts import PROVENANCE_TEXTS

LANGUAGE = "en"

_TEXTS = {
    # Names
    "product": "Facewitness",
    "report": "Evidence report",
    "report_title": "{verdict}: {file} - Facewitness evidence report",
    "person": "Person {id}",
    "person_at": "Person {id} ({side})",
    "person_at_within": "Person {id}, on the {side},",
    "side_left": "left",
    "side_middle": "middle",
    "side_right": "right",
    "likely_fake": "Likely fake",
    "inconclusive": "Inconclusive",
    "likely_real": "Likely real",
    "not_judged": "Not judged",
    "video": "video",
    "image": "picture",
    "score": "Score",
    "unnamed": "(no name)",
    # Verdict
    "lead_fake_one": "{who} shows strong signs of {what}, {when}.",
    "lead_fake_many": "{n} of {judged} people show strong signs of a forged face, most of all {who}, {when}.",
    "lead_fake_part": "Across all faces together there are strong signs of {what}; no single person stands out.",
    "lead_image_fake": "{who} shows strong signs of {what}.",
    "lead_inconclusive_one": (
        "The face that was judged shows neither clear signs of a forgery nor clear signs of none."
    ),
    "lead_inconclusive_many": (
        "Of {n} people none shows clear signs of a forgery, but they cannot all be called likely real."
    ),
    "lead_real_one": "The face that was judged shows no signs of a forgery that this model knows.",
    "lead_real_many": "None of the {n} people shows signs of a forgery that this model knows.",
    "what_manipulated": "an altered face, such as a face swap or a retouched part",
    "what_generated": "a face that was drawn whole by a computer",
    "when_whole": "in all of the time that the face is seen",
    "when_part": "from {start} to {end}",
    "when_parts": "in {n} stretches, the first from {start} to {end}",
    "scale_label": (
        "Score {score}: {verdict}. Likely real up to {real}, inconclusive between, likely fake from {fake}."
    ),
    "ask_who": "Who",
    "ask_when": "When",
    "ask_sure": "How sure",
    "ask_file": "Which file",
    "who_judged_one": "1 person judged",
    "who_judged_many": "{n} people judged",
    "who_highest": "the highest score: {who}",
    "who_of": "of {n} people judged",
    "who_alone": "the only person judged",
    "when_all": "{start} to {end}",
    "when_seen": "when faces were judged, in a video of {length}",
    "when_strong": "strong evidence, in a video of {length}",
    "when_image": "A single picture",
    "when_image_note": "it has no time",
    "sure_of": "{score} of 1",
    "sure_fake": "likely fake from {fake} up",
    "sure_inconclusive": "between {real} and {fake}: no clear answer",
    "sure_real": "likely real up to {real}",
    "ask_found": "What was found",
    "found_none": "No face",
    "found_none_note_one": "in 1 frame of {length}",
    "found_none_note_many": "in {n} frames of {length}",
    "found_none_image": "in the picture",
    "found_some_one": "1 face",
    "found_some_many": "{n} faces",
    "found_some_note": "too few or too poor to judge",
    "found_unseen_note": "too little of the file could be read",
    "found_unread": "Nothing",
    "found_unread_note": "the file was not read",
    "file_facts": "{length}{width} × {height} pixels, SHA-256 {start}…",
    "file_length": "{length}, ",
    "file_hash": "SHA-256 {start}…",
    "file_unhashed": "its SHA-256 is not known",
    "means": "What this means",
    "means_not": "What it does not mean",
    "means_calibrated": (
        "The score is a chance, as far as one can be had: if half of all files were forged and like those "
        "that the model was calibrated on, about {percent} of 100 files with this score would be forged. On "
        "other footage it is less sure than it seems."
    ),
    "means_undecided": (
        "Nobody has said which scores of this model are fakes, so every score is inconclusive: calibrate it on clips "
        "whose truth is known, with facewitness calibrate."
    ),
    "means_raw": "The score of this file is not calibrated: it ranks files, and is no chance.",
    "means_likely_fake": (
        "The evidence is strong enough to look closer: at the frames below, at where the file came from, and "
        "at other copies of it."
    ),
    "means_likely_fake_person": (
        "The most suspicious person decides. Other people in the {kind} are judged by themselves."
    ),
    "means_inconclusive": (
        "The score lies between the two limits. This is a result of its own: neither half fake nor half real."
    ),
    "means_inconclusive_do": (
        "Look for a copy of better quality, look at more frames (--fps 5), or ask by other means."
    ),
    "means_likely_real": "None of the faces that were judged looks forged to this model.",
    "means_likely_real_rest": (
        "Only faces were looked at: neither the sound nor the background, nor whether the scene is what it is"
        " said to be."
    ),
    "not_likely_fake_proof": "It is no proof, and must not be the only evidence about a person.",
    "not_likely_fake_who": (
        "It does not say who altered the {kind}, with what, or why. Filters, make-up effects and heavy "
        "compression can look alike."
    ),
    "not_inconclusive": "It does not mean that the {kind} is suspicious.",
    "not_inconclusive_real": "It does not mean that the {kind} is genuine either.",
    "not_likely_real_proof": (
        "It is no proof that the {kind} is genuine: methods that the model never saw can go unnoticed."
    ),
    "not_likely_real_context": (
        "It does not say that the {kind} shows what its caption claims, or when and where it was made."
    ),
    # Without a verdict
    "happened": "What happened",
    "can_do": "What can be done",
    "no_face_title": "No face was found",
    "no_face_lead": "There was nothing to judge, so there is no verdict: the file is called neither real nor fake.",
    "no_face_happened_one": "1 frame was searched, and no face was found in it.",
    "no_face_happened_many": "{n} frames were searched, and no face was found in any of them.",
    "no_face_do_1": (
        "Is there a face in the {kind}? If not, this is the right answer. Facewitness looks at faces only."
    ),
    "no_face_do_2": "If a face is seen for a short time only, look at more frames: facewitness scan --fps 5",
    "no_face_do_3": "If faces are small or turned far, try another detector: facewitness scan --detector dlib-hog",
    "no_face_do_4": "If the picture is sideways, very dark or cropped, mend that in a copy and scan the copy.",
    "insufficient_evidence_title": "Too little to judge",
    "insufficient_evidence_lead": "Faces were found, but too briefly or of too poor a quality for a verdict.",
    "insufficient_evidence_happened_one": (
        "1 frame was searched. What was found is shown below; its scores must not be read as a verdict."
    ),
    "insufficient_evidence_happened_many": (
        "{n} frames were searched. What was found is shown below; its scores must not be read as a verdict."
    ),
    "insufficient_evidence_do_1": ("Look at more frames: facewitness scan --fps 5, or --frames all for a short clip."),
    "insufficient_evidence_do_2": (
        "Look for a larger or less compressed copy: faces should be 80 pixels high or more."
    ),
    "insufficient_evidence_do_3": "Judge the face by eye in the frames below.",
    "unseen_lead": "Only {share} of the {kind} could be seen, too little for a verdict.",
    "unseen_happened_one": "1 frame was searched. What could not be seen may show anything.",
    "unseen_happened_many": "{n} frames were searched. What could not be seen may show anything.",
    "unseen_do_1": "Fetch or copy the file again, and compare its size and hash with the source.",
    "unseen_do_2": "Play it: is there a picture all the time, and is it whole?",
    "unseen_do_3": "Keep the file as it is. A result of a whole copy is worth more than one of a mended copy.",
    "undecodable_title": "The file is damaged",
    "undecodable_lead": "It could not be decoded, so nothing can be said about what it shows.",
    "undecodable_happened": "No picture of it could be read without errors.",
    "undecodable_do_1": "Fetch or copy the file again, and compare its size and hash with the source.",
    "undecodable_do_2": (
        "Try to play it. If a player shows it, convert it: ffmpeg -i FILE -c:v libx264 -crf 16 copy.mp4"
    ),
    "undecodable_do_3": "Keep the damaged file as it is.",
    "unsupported_title": "This kind of file is not read",
    "unsupported_lead": "It holds no picture that Facewitness can read, so nothing can be said about it.",
    "unsupported_happened": "The file is neither a video nor an image of a known kind.",
    "unsupported_do_1": "Is it the right file? Sound, text and archives have no faces to judge.",
    "unsupported_do_2": "If it is a picture or a video, convert it to JPEG, PNG or MP4 and scan the copy.",
    "timeout_title": "Reading took too long",
    "timeout_lead": "The decoder gave no sign of life and was stopped, so there is no verdict.",
    "timeout_happened": "The file may be damaged, or lie on a slow disk or network.",
    "timeout_do_1": "Copy the file to a local disk and scan it again.",
    "timeout_do_2": "If it stops again, convert it: ffmpeg -i FILE -c:v libx264 -crf 16 copy.mp4",
    "error_title": "The scan did not finish",
    "error_lead": "Something other than the content of the file stopped the scan, so there is no verdict.",
    "error_happened": "The file could not be got at, or the scan broke off.",
    "error_do_1": "Is the file still there, and may it be read?",
    "error_do_2": "Scan it again; facewitness scan --debug shows where it breaks off.",
    "searched": "What was searched",
    "searched_image": "The picture that was searched",
    "searched_intro": "Shown: {shown} of the frames, evenly chosen.",
    "searched_alt": "Frame at {time}",
    # Timeline
    "timeline": "When",
    "timeline_picture": "In the picture",
    "timeline_intro": "Each line is one face, followed through one shot. The higher, the more it looks forged.",
    "timeline_move": "Move over it, or use the arrow keys, to see the frames.",
    "timeline_intro_static": "Each box is one face, with its score.",
    "timeline_more_one": "1 more person scored lower and is not drawn.",
    "timeline_more_many": "{n} more people scored lower and are not drawn.",
    "timeline_nobody": "No face",
    "timeline_intro_nobody": "When the {kind} was searched, and when it could not be.",
    "lane_label_nobody": "No face was found in what was seen.",
    "timeline_picks": "{shown} of the {all} frames with a face can be shown here.",
    "moment": "Moment",
    "moment_of": "Frame at {time}",
    "moment_none": "No picture: only where the faces were.",
    "moment_more": "and {n} more",
    "frame_alt_one": "Frame at {time} with 1 face marked",
    "frame_alt_many": "Frame at {time} with {n} faces marked",
    "key_line": "score in each frame",
    "key_strong": "strong evidence",
    "key_gap": "no face seen",
    "key_not_looked_at": "not looked at: no picture",
    "key_not_readable": "not readable",
    "key_damaged": "damaged picture",
    "spans_not_looked_at": "Not looked at, as there is no picture: {spans}.",
    "spans_not_readable": "Not readable: {spans}.",
    "spans_damaged": "Seen in damaged pictures: {spans}.",
    "span": "{start} to {end}",
    "spans_more": "{spans} and {n} more",
    "seen_part": "Only {share} of the {kind} was seen.",
    "key_zone": "scores that are likely fake",
    "lane_label_one": "{who}: score {score}, {band}, seen at {start} in 1 frame. {strong}",
    "lane_label_many": "{who}: score {score}, {band}, seen from {start} to {end} in {n} frames. {strong}",
    "lane_strong": "Strong evidence {when}.",
    "lane_weak": "No strong evidence.",
    # People
    "people": "The faces",
    "people_intro": "The most suspicious first. Numbers are scores from 0 to 1; 1 is fake.",
    "person_seen_one": "Seen in 1 frame at {start}.",
    "person_seen_many": "Seen in {n} frames from {start} to {end}.",
    "person_image": "Seen in the picture.",
    "person_strong": "Strong evidence {when}.",
    "person_kinds": "By kind: altered face {manipulated}, face drawn whole {generated}.",
    "person_unsupported": "Too brief, too small or too far turned to count for the verdict.",
    "face_of_frame": "Its face in this frame",
    "face_alone": "Its face",
    "highest": "Its highest-scoring face",
    "further_strong": "Next strongest",
    "further_high": "Next highest",
    "at_time": "{time}, score {score}",
    "crop_alt": "Face of person {id} at {time}, score {score}",
    "heat_alt": "Where the model looked in the face of person {id} at {time}",
    "crop_note": "the face",
    "heat_note": "where the model looked",
    "heat_key_less": "even odds",
    "heat_key_more": "{odds} to one",
    "no_heat_model": "There are no heat maps: the model that made these scores is not installed here.",
    "no_heat": "There are no heat maps: {why}.",
    "heat_legend": (
        "Where the model looked for signs of {kind}: the brighter a place, the higher the odds of that if the "
        "whole face were like it. It shows what moved the model, and is no outline of the forgery. A face that "
        "scores low is hardly coloured."
    ),
    "heat_manipulated": "an altered face",
    "heat_generated": "a drawn face",
    "strip": "Over time",
    "strip_of": "{shown} of {all} frames, evenly chosen",
    "whole_frame": "Strongest frame: {time}, score {score}",
    "whole_frame_high": "Highest-scoring frame: {time}, score {score}",
    "unjudged": "Faces that were not judged",
    "more_people_one": "1 more person",
    "more_people_many": "{n} more people",
    # Doubts
    "doubts": "What could be wrong",
    "warning": "Warning",
    "note": "Note",
    "limit": "Limit",
    "doubt_near": (
        "The score lies only {distance} from the border between {one} and {other}: little would have moved it across."
    ),
    "doubt_few_one": "{who} was seen in 1 frame only.",
    "doubt_few_many": "{who} was seen in {n} frames only.",
    "doubt_quality": (
        "The faces of {who} are small, blurred or turned (quality {quality} of 1), which makes scores less sure."
    ),
    "doubt_unjudged_one": "1 face was seen too briefly or too badly to be judged. It may be a misdetection.",
    "doubt_unjudged_many": "{n} faces were seen too briefly or too badly to be judged. They may be misdetections.",
    "doubt_sampled_one": "1 of {all} frames was looked at. A forgery that is seen in others only would be missed.",
    "doubt_sampled_many": (
        "{n:,} of {all} frames were looked at. A forgery that is seen between them only would be missed."
    ),
    "doubt_sampled_no_face_one": "1 of {all} frames was looked at. A face that is seen in others only would be missed.",
    "doubt_sampled_no_face_many": (
        "{n:,} of {all} frames were looked at. A face that is seen between them only would be missed."
    ),
    "doubt_sound": "The file has sound, which was not examined: a voice can be forged where the picture is not.",
    "doubt_split": "A person who leaves the picture and comes back, or is cut to again, is numbered anew.",
    "doubt_model": (
        "The model {model} does not know every method of forgery. What it was calibrated on is below; how "
        "often it errs is told in its model card ({model}.md)."
    ),
    "doubt_footage": (
        "Strong compression, filters, make-up, unusual light and repeated uploading move scores, mostly upwards."
    ),
    "doubt_pictures": "This page has no pictures: {why} Scores, times and places are those of the scan.",
    "doubt_schema": "This result was written in another form ({schema}). Shown is what could be read of it.",
    "doubt_parts": "Parts of the result are missing or damaged and not shown: {parts}.",
    "changed_do": (
        "Find the file with the SHA-256 below, and make the page again (facewitness report RESULT.json --media FILE)."
    ),
    # Record
    "record": "For the record",
    "record_file": "File",
    "record_scan": "Scan",
    "record_model": "Model",
    "record_tools": "Tools",
    "path": "Path",
    "sha256": "SHA-256",
    "bytes": "Size",
    "bytes_value_one": "1 byte",
    "bytes_value_many": "{n:,} bytes",
    "kind": "Kind",
    "container": "Container",
    "codec": "Codec",
    "pixel_format": "Pixel format",
    "dimensions": "Dimensions",
    "dimensions_value": "{width} × {height} pixels, upright",
    "pixel_shape": "Stored pixels",
    "pixel_shape_value": "{ratio} times as wide as high; the picture was stretched to make them square",
    "not_looked_at": "Not looked at",
    "rotation": "Stored turned by",
    "rotation_value": "{degrees}°",
    "duration": "Duration",
    "declared_duration": "Duration that the container declares",
    "frames": "Frames",
    "frame_rate": "Frame rate",
    "frame_rate_value": "{rate} a second",
    "frame_rate_variable": "{rate} a second on average, varying",
    "sound": "Sound",
    "yes": "yes",
    "no": "no",
    "color_transfer": "Transfer function",
    "interlaced": "Interlaced",
    "status": "Status",
    "verdict": "Verdict",
    "sampling": "Frames asked for",
    "sampled": "Frames looked at",
    "seen": "Seen",
    "seen_value": "{share} of {length}",
    "with_face": "Frames with a face",
    "with_face_value": "{share} of those that could be read",
    "detector": "Face detector",
    "pooling": "From faces to one score",
    "pooling_track_max": "track_max: the most suspicious person decides",
    "component_manipulated": "Score of an altered face",
    "component_generated": "Score of a drawn face",
    "limits_bands": "Limits of the bands",
    "limits_value": "likely real up to {real}, likely fake from {fake}",
    "operating_point": "How the limits were chosen",
    "timing": "Time taken",
    "timing_value": "{total} s ({stages})",
    "model_name": "Name",
    "weights": "SHA-256 of the weights",
    "engine": "Engine",
    "calibration": "Calibration",
    "calibrated_on": "Calibrated on",
    "schema": "Form of the result",
    "scanned_with": "Scanned with",
    "decoder": "Decoded with",
    "page_made_with": "This page was made with",
    "footer": (
        "Facewitness looks at faces and weighs what it sees. Use a verdict as a reason to look closer, never "
        "as the only evidence about a person."
    ),
    "whole_text": "whole text",
    **INDEX_TEXTS,
    **OPINION_TEXTS,
    **PROVENANCE_TEXTS,
}


def say(key: str, /, **values: object) -> str:
    """Give a text with its blanks filled.

    Raises:
        KeyError: there is no such text, or a blank has no value.
    """
    text = _TEXTS[key]
    return text.format(**values) if values else text


def say_number(key: str, n: int, /, **values: object) -> str:
    """Give the text for one thing or for many, with {n} filled."""
    return say(f"{key}_{'one' if n == 1 else 'many'}", n=n, **values)


def has_text(key: str) -> bool:
    """Tell whether there is a text."""
    return key in _TEXTS


def all_of(prefix: str) -> list[str]:
    """Give the texts that are numbered from 1 after a prefix, in order."""
    found: list[str] = []
    while (key := f"{prefix}_{len(found) + 1}") in _TEXTS:
        found.append(key)
    return found
