"""Pure types and analyses: standard library only, no I/O, no torch, no onnx."""
