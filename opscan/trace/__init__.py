"""A model -> an Inventory; one file per dialect. The only folder that imports torch and onnx."""
