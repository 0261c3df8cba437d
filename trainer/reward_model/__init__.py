"""From an OpenRLHF train_rm checkpoint to the directory that the writing reward model service serves."""
