/* The last error of the calling thread. */
#ifndef CUBN_HOST_ERROR_H
#define CUBN_HOST_ERROR_H

#define CUBN_MESSAGE_MAX 512

/* The message, a string of at most CUBN_MESSAGE_MAX bytes that may be saved and restored. */
char *cubn_last_message(void);

#endif /* CUBN_HOST_ERROR_H */
