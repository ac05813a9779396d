"""Real X.509 certificates: issued by the simulator's own authority, or read from the planner's files.

Nothing is imported here, so that `import sim.pki` stays cheap: `sim.pki.issue` loads `cryptography`.
"""
