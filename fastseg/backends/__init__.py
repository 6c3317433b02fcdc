"""The backends: modules with the operations of :class:`fastseg.backends.protocol.Operations`.

``scipy`` is the reference, ``numba`` the default, ``cupy`` for NVIDIA GPUs; :mod:`fastseg.dispatch` lists them.
"""
