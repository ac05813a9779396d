"""The array engine: devices as rows, advanced by compiled kernels from one control instant to the next."""
