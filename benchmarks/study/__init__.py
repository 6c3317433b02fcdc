"""The study: the ways to segment and the difficulties of images that a lecture names, measured by fastseg.

``python -m benchmarks.study --output FOLDER`` runs it, ``--quick`` in minutes on tiny volumes. What flows where:

``anatomies/`` give subjects, ``difficulties/`` make their images harder, ``methods/`` segment these (``networks/`` are
what some of them train), fastseg measures the label maps (``measuring``), ``tables`` reads what was measured, and
``claims/`` and ``page`` say what it shows. ``stages`` is the order, and ``folder`` says where each file lies.
"""
