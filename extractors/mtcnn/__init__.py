"""The MTCNN face detector.

Kaipeng Zhang, Zhanpeng Zhang, Zhifeng Li, Yu Qiao: Joint Face Detection and Alignment using Multitask
Cascaded Convolutional Networks. IEEE Signal Processing Letters 23 (10), 2016. https://arxiv.org/abs/1604.02878

Three networks of growing size look at fewer and fewer windows. P-Net slides over an image pyramid and
proposes windows of 12x12 pixels, R-Net refines or rejects each at 24x24, O-Net does so once more at 48x48 and
adds five landmarks.

    detector.py    the cascade: what is found, from images to faces
    windows.py     windows that may hold a face: their geometry, non-maximum suppression, cutting them out
    networks.py    the three networks in OpenVINO, and their weights
    reference.py   the `mtcnn` package itself, on TensorFlow, for comparison

The weights, thresholds and pixel arithmetic are those of the `mtcnn` package 1.0.0, whose faces it reproduces.
"""
