"""The parts of tools/report.py: ``read`` (files), ``plots``, ``html``, ``one`` and ``many`` (what the pages say)."""
