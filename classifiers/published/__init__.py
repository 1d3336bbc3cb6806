"""Detectors that others published, made to run like our own.

    recipe.py     what there is to know about a network besides its file: crop, input, output, source, licence
    recipes/      those that are shipped
    graph.py      the network's file becomes a graph that takes our crops and gives our logits
    library.py    adding models to those of the user, and removing them
    fetch.py      getting their files from the address that a recipe names

Where to start:

    spec = add_model(Path("detector.onnx"), read_recipe("deepfakebench"), name="xception-ff")
    create_engine("auto", find_model("xception-ff")).predict(crops)
"""
