"""Solvers for batches of independent paths; each is an object that owns its options."""

from .adam import Adam as Adam
from .driver import Solver as Solver
from .driver import minimise as minimise
from .driver import solve_path as solve_path
from .gauss_newton import GaussNewton as GaussNewton
from .lbfgs import Lbfgs as Lbfgs
from .problem import PathProblem as PathProblem
from .problem import PathSolution as PathSolution
from .problem import path_problem as path_problem
from .pullback_georce import Georce as Georce
from .table import SOLVERS as SOLVERS
