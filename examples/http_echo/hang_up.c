/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SIGHUP: certificate and key are read again, and the log is opened again.
 *
 * Invariant. `flush` is posted at most once at a time; `flushing` says that it is.
 */
#include "access_log.h"
#include "program.h"
#include "secure.h"

static void tls_reload(struct program *program)
{
#ifdef HTTP_ECHO_TLS
    secure_reload(program->server_options.tls, program->options.tls_certificate,
                  program->options.tls_key);
#endif
    (void)program;
}

/* Without anything to open again SIGHUP ends the program, as is usual. */
bool program_heeds_hangup(const struct program *program)
{
    return program->server_options.tls || program->server_options.log;
}

static void log_flush_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct program *program = KEVY_CONTAINER_OF(task, struct program, flush);

    (void)reactor;
    atomic_store(&program->flushing, false);
    access_log_flush(program->servers[0].log);
}

/* An idle server opens it too: what moves logs away waits for the new file. */
static void log_reopen(struct program *program)
{
    access_log_file_reopen(program->server_options.log);
    if (!program->group) {
        access_log_flush(program->servers[0].log);
    } else if (!atomic_exchange(&program->flushing, true)) {
        program->flush.run = log_flush_run;
        if (kevy_group_post(program->group, 0, &program->flush) < 0)
            atomic_store(&program->flushing, false);
    }
}

void program_hang_up(struct program *program)
{
    if (program->server_options.tls)
        tls_reload(program);
    if (program->server_options.log)
        log_reopen(program);
}
