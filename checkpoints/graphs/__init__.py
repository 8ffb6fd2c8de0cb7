"""Operator graphs (ONNX) as the nets of a pair."""
