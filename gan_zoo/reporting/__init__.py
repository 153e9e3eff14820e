"""The parts of gan_zoo report: ``read`` (files), ``plots``, ``html``, ``one`` and ``many`` (what the pages say)."""
