"""Fan-out on NATS: what one site has, published for many; the way back is a client of ``nats://HOST/SITE``."""
