"""From a scenario to an answer: running it, and what the answer looks like."""
