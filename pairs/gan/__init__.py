"""GAN families."""
