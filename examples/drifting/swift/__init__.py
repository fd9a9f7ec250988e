"""swift: a sampler of second order for diffusion models."""
