"""Refinements of predictions by the structure of the unlabelled samples, before a selection or without one."""
