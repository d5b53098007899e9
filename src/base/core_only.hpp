// Included last by every core source file: the core does not know PostgreSQL.
#ifdef POSTGRES_H
#error "core files must not include postgres.h (see src/README.md, include rule)"
#endif
