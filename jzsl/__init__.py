"""Zero-shot and transductive learning on accelerators.

Data flows one way: a source in `jzsl.data` returns a `Problem`; a view of it, which holds no test label,
trains a `Method`; the `Protocol`, which alone holds the test labels, scores the method's predictions.
"""

__version__ = "0.1.0"
