"""Every stage, in order: reference -> model -> Inventory -> survey or Coverage. Nothing else knows them all.

One file per task, each imported by the commands that have it. Stages that need torch or onnx are
imported where they are used, so that a command that does not need them does not wait for them.
"""
