def read_keras(path):
    raise NotImplementedError
