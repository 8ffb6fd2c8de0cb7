"""Solvers for batches of independent paths."""

from .lbfgs import LbfgsConfig as LbfgsConfig
from .lbfgs import Solution as Solution
from .lbfgs import minimise as minimise
