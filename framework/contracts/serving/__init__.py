"""The contract of a server surface: routes, replies, its part of the OpenAPI document, and how answers are drawn."""
