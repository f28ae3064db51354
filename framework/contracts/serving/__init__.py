"""What a server surface is made of: routes, replies, its part of OpenAPI, and hints of how answers are drawn."""
