"""The story from the first domain to the last edge, and what to ask the mesh afterwards."""

from server.demo_story.batches import BATCHES
from server.demo_story.lineage import LINEAGE
from server.demo_story.mesh import MESH
from server.demo_story.step import Step

EVENTS = "{ events(first: 50) { nodes { position type stream } } }"
STEPS: tuple[Step, ...] = (*MESH, *LINEAGE, *BATCHES)
QUESTIONS = (
    '{ lineage(of: "product:turnover", direction: UPSTREAM) { nodes { asset { id } depth confidence } } }',
    '{ impact(of: "dataset:orders", columns: ["amount"]) { assets { asset { id } } contracts { id } consumers } }',
    '{ lineageDiagram(of: "dataset:orders") }',
)
