"""The three reward services: writing_rm (POST /score), verifier (POST /verify), aggregator (POST /reward)."""


class PluginError(Exception):
    """An installed package that extends a service cannot be used. The message is one line and names the distribution and the
    remedy; a command that loads a service shows it in place of a traceback. Here, since this file alone is in every image."""
