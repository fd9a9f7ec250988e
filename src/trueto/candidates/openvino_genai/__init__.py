"""openvino-genai's text-to-image pipeline in C++ as a candidate."""

from trueto.candidates.openvino_genai.adapter import ADAPTER

__all__ = ["ADAPTER"]
