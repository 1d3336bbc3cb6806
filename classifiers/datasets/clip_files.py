"""The files of clips: videos, or folders of frames."""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.media_types import is_picture, is_video


def clips_of(folder: Path) -> dict[str, list[Path]]:
    """Find the clips of a folder, which holds videos itself or in `videos/`, or frames in `frames/CLIP/`.

    Frames are what DeepfakeBench makes of the videos of a data set and publishes; they are read where there is no
    video. Their masks and landmarks, which lie in folders beside them, are not.

    Returns:
        The files of each clip, by its name and in order: one video, or its frames. Nothing for what is not there.
    """
    for place in (folder, folder / "videos"):
        videos = sorted(file for file in place.glob("*") if is_video(file))
        if videos:
            return {video.stem: [video] for video in videos}
    clips = sorted(clip for clip in (folder / "frames").glob("*") if clip.is_dir())
    return {clip.name: pictures for clip in clips if (pictures := pictures_in(clip))}


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures of a folder, in the order of their names."""
    return sorted(file for file in folder.glob("*") if is_picture(file) and not file.name.startswith("."))
