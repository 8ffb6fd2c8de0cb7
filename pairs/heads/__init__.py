"""Small nets put on others: a rescaled score, a trained head, a critic on features."""
