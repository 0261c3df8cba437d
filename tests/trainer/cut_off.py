"""For runs of a policy so young that it soon writes to the last token it may, and whose groups must not be dropped for it."""

NO_VIOLATION = {"RLMR_AGGREGATOR_POLICY_FAULTS": '["empty", "too_long", "unparseable"]'}
"""Settings of an aggregator: being cut off is no fault of the policy's, so a group of such samples is not one of violators only."""
