"""Results as tables and figures share them: ``read`` from files, by ``cases``, and the ``study`` they are of."""
