"""Published GANs that are known by the names and shapes of their tensors: one family a file."""
