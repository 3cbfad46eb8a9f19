#include <sqlite3.h>

/* sqlite3_db_config takes variable arguments, which Swift cannot call. */
static inline int quorate_sqlite3_db_config(sqlite3 *connection, int option, int value) {
  return sqlite3_db_config(connection, option, value, (int *)0);
}

/* A macro of a cast, which Swift does not import: SQLite copies the bytes at once. */
static inline int quorate_sqlite3_bind_copy(
    sqlite3_stmt *statement, int position, const void *bytes, int count) {
  return sqlite3_bind_blob(statement, position, bytes, count, SQLITE_TRANSIENT);
}
