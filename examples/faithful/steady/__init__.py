"""steady: two samplers for diffusion models, as k-diffusion has them."""
