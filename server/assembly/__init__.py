"""How the mesh is put together: tools first, then what reads, what works and what the doors see."""
