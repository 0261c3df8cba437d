"""Stored groups of a run under other strategies: rewards, drops and advantages again, without a service and without generating."""
