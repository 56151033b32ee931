/*
 * vencrypt.h: viewers that come from beyond this machine: VeNCrypt 0.2, of its kinds X509Vnc alone:
 * TLS with a certificate of ours (wire/secure.h), and VNC's password within it.
 *
 * libvncserver (0.9.14) has VeNCrypt for clients only. So the viewer is greeted here; what follows
 * is carried to and from a plain connection. A viewer that says something else, or says nothing for
 * VENCRYPT_GREETING_S, is dropped; a wrong password costs VENCRYPT_WRONG_S.
 */
#ifndef VNC_VENCRYPT_H
#define VNC_VENCRYPT_H

#include "vnc/pass.h"
#include "wire/secure.h"

#define VENCRYPT_GREETING_S 10
#define VENCRYPT_WRONG_S 1

/* Up to the result of the password: the right of the pass that it is of. -1: it does not get in.
 * The peer is the caller's to finish, either way. */
int vencrypt_greet(struct secure_peer *peer, const struct secure_identity *identity, int fd,
	struct pass *passes);

/* Enters `plain`, where RFB without a password is spoken, in the viewer's name, and carries what
 * both say until one of them is gone. */
void vencrypt_carry(const struct secure_peer *peer, int plain);

#endif
