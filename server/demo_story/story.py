"""The story from the first domain to the last request, and what to ask the mesh afterwards."""

from server.demo_story.batches import BATCHES
from server.demo_story.compliance import COMPLIANCE
from server.demo_story.lineage import LINEAGE
from server.demo_story.mesh import MESH
from server.demo_story.step import Reading, Step

EVENTS = "{ events(first: 50) { nodes { position type stream } } }"
STEPS: tuple[Step | Reading, ...] = (*MESH, *LINEAGE, *BATCHES, *COMPLIANCE)
ERASURES = '{ dataLake(id: "shop-eu") { deletions(status: COMPLETED, first: 1) { nodes { id } } } }'
QUESTIONS = (
    '{ lineage(of: "product:turnover", direction: UPSTREAM) { nodes { asset { id } depth confidence } } }',
    '{ impact(of: "dataset:orders", columns: ["amount"]) { assets { asset { id } } contracts { id } consumers } }',
    '{ lineageDiagram(of: "dataset:orders") }',
    '{ dataLake(id: "shop-eu") { complianceReport { deletionsCompleted deletionsPending accessEvents } } }',
    '{ erasureReceipt(deletion: "@deletion") { receipt signature publicKey } }',
)
