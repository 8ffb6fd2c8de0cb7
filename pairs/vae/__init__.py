"""Autoencoder families that are pairs: they bring an encoder, an energy that comes with training, structured priors."""
