"""Looking after a stack: doctor, self-check, and resolving what a killed update left open."""
