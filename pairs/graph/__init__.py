"""Nets given by a graph of operators, computed channels-last: the registered architecture ``graph``."""

from .evaluate import GraphApply as GraphApply
from .evaluate import graph_net as graph_net
from .evaluate import run_graph as run_graph
from .face import Face as Face
from .face import LabelForm as LabelForm
from .face import Layout as Layout
from .face import Role as Role
from .prepare import prepare as prepare
from .spec import Graph as Graph
from .spec import known_operators as known_operators
from .spec import parse_graph as parse_graph
