"""Pictures and films of what a run learned: samples, films of its grids, walks between noises."""
