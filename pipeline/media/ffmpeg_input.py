"""What ffmpeg is let read: the one file that it gets open, in formats and codecs of video, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ffmpeg

from pipeline.media.ffmpeg import find_binary
from pipeline.media.types import MAX_PIXELS

# Only formats that hold the media themselves. Left out are those that name other files or addresses to read (HLS, DASH,
# concat scripts, SDP, image sequences), which a hostile file would use, and those that draw text as a video.
CONTAINERS = (
    "mov,matroska,avi,asf,flv,live_flv,mpegts,mpeg,mpegvideo,m4v,h261,h263,h264,hevc,vvc,av1,obu,vc1,ivf,ogg,mxf,"
    "gxf,rm,nut,wtv,dv,mjpeg,jpegxl_pipe,yuv4mpegpipe,mp3,wav,w64,aac,flac,aiff,caf,ac3,eac3,dts,amr,ape,wv,tta"
)
"""ffmpeg's names of the formats of files that are read."""

# What videos are coded with, and their sound: a third of the decoders that ffmpeg has. Left out are those of games of
# the nineties, of text, of subtitles, and what nobody looks after.
_CODECS = (
    "h264,hevc,vvc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,mpeg1video,mpeg2video,mpegvideo,mpeg4,"
    "msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,h261,h263,h263i,h263p,flv,vp3,vp4,vp5,vp6,vp6a,vp6f,vp7,theora,"
    "rv10,rv20,rv30,rv40,rv60,svq1,svq3,cinepak,indeo2,indeo3,indeo4,indeo5,msvideo1,msrle,qtrle,rpza,smc,8bps,"
    "prores,prores_raw,apv,aic,pixlet,cllc,dxtory,dxv,notchlc,dirac,vble,dnxhd,cfhd,hap,dvvideo,mjpeg,mjpegb,amv,jpeg2000,libopenjpeg,jpegls,ljpeg,png,apng,gif,bmp,tiff,webp,webp_anim,libjxl,libjxl_anim,"
    "rawvideo,v210,v410,v308,v408,r210,r10k,yuv4,avui,ffv1,ffvhuff,huffyuv,utvideo,magicyuv,lagarith,hymt,zlib,mszh,"
    "camstudio,tscc,tscc2,fraps,flashsv,flashsv2,snow,speedhq,wrapped_avframe,"
    "aac,aac_latm,libfdk_aac,ac3,ac3_fixed,eac3,alac,als,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ape,atrac3,"
    "cook,dca,flac,gsm,gsm_ms,libgsm,libgsm_ms,mlp,truehd,mp1,mp1float,mp2,mp2float,mp3,mp3float,mp3adu,mp3on4,"
    "nellymoser,opus,libopus,qcelp,qdm2,ra_144,ra_288,sipr,sonic,speex,libspeex,tta,vorbis,libvorbis,wavpack,"
    "wmalossless,wmapro,wmav1,wmav2,wmavoice,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,adpcm_g722,"
    "adpcm_g726,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_lxf,pcm_s16be,"
    "pcm_s16le,pcm_s16be_planar,pcm_s16le_planar,pcm_s24be,pcm_s24le,pcm_s24le_planar,pcm_s32be,pcm_s32le,pcm_s8,"
    "pcm_u8,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,s302m,dvaudio"
)


_READS_DESCRIPTORS = (6, 0)
"""From this version on."""


def source_input(descriptor: int = 0, **options: Any) -> ffmpeg.nodes.FilterableStream:
    """Give the input of a graph for the file that ffmpeg gets open: no network, no other file, no picture too large.

    Args:
        descriptor: its number in ffmpeg; `Process` gives it as 0.
        options: of ffmpeg, for this input.
    """
    # Before, it cannot read a descriptor but by opening it anew, by a name.
    is_new = find_binary().is_at_least(_READS_DESCRIPTORS)
    numbered = {"fd": descriptor} if is_new and descriptor else {}
    return ffmpeg.input(
        "fd:" if is_new else f"file:/dev/fd/{descriptor}",
        protocol_whitelist="fd" if is_new else "file",
        format_whitelist=CONTAINERS,
        codec_whitelist=_CODECS,
        max_pixels=MAX_PIXELS,
        **numbered,
        **options,
    )


def live_input(url: str, formats: str, protocols: str = "", **options: Any) -> ffmpeg.nodes.FilterableStream:
    """Give the input of a graph for what plays by itself: with the codecs of files, and no picture too large.

    Args:
        url: a device, or where a stream is.
        formats: ffmpeg's names of those that it may have, separated by commas; `CONTAINERS` are those of files.
        protocols: what ffmpeg may use to get at it.
        options: of ffmpeg, for this input.
    """
    whitelist = {"protocol_whitelist": protocols} if protocols else {}
    return ffmpeg.input(
        url, format_whitelist=formats, codec_whitelist=_CODECS, max_pixels=MAX_PIXELS, **whitelist, **options
    )


def file_url(path: Path) -> bytes:
    """Name a file to write so that ffmpeg takes it for nothing else, not for an option or another protocol.

    As bytes, because ffmpeg-python cannot handle text that stands for a name that is no UTF-8.
    """
    return b"file:" + os.fsencode(path.absolute())
