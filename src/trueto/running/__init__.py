"""Running candidates and judging what they did: cells, workers, layers, ledgers, verdicts."""
